// The page's own watch over its connection: when the clock that the station sends stops, everything shown is old.
(() => {
  const SILENCE_MS = 3000;
  let lastBeat = "";
  let changedAt = performance.now();
  setInterval(() => {
    const beat = document.querySelector(".beat")?.textContent ?? "";
    const now = performance.now();
    if (beat !== lastBeat) {
      lastBeat = beat;
      changedAt = now;
    }
    document.body.classList.toggle("lost", now - changedAt > SILENCE_MS);
  }, 250);
})();
