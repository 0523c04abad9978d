"""The look of the training report."""

STYLE = """
body { max-width: 1120px; margin: 2rem auto; padding: 0 1.2rem; color: #22303c; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 0 0 .6rem; }
section { margin: 2.2rem 0; border-top: 1px solid #dfe5ea; padding-top: 1.2rem; }
.promise { font-size: 1.15rem; margin: 0 0 1rem; }
.warnings { background: #fff6e5; border-left: 5px solid #e0982f; padding: .8rem 1rem .3rem; border-radius: 4px; }
.warnings ul { margin: 0 0 .5rem; padding-left: 1.2rem; }
.fine { background: #eaf6ee; border-left: 5px solid #3a8f5c; padding: .7rem 1rem; border-radius: 4px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(160px, 1fr)); gap: .7rem; margin: 1.2rem 0; }
.cards div { border: 1px solid #dfe5ea; border-radius: 6px; padding: .6rem .8rem; }
.cards b { display: block; font-size: 1.35rem; }
.cards span, .cards small { display: block; }
.cards small { color: #6a7884; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1rem; }
.charts p { align-self: center; margin: 0; max-width: 480px; }
.charts figcaption { font-weight: 600; }
figure { margin: 0; }
svg { width: 100%; max-width: 560px; font: 12px sans-serif; }
.pictures { display: flex; flex-wrap: wrap; gap: .8rem; }
.pictures img { display: block; border-radius: 4px; }
.pictures figcaption { font-size: 13px; color: #44505c; }
.tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1.4rem; align-items: start; }
table { border-collapse: collapse; font-size: 13px; width: 100%; }
caption { text-align: left; font-weight: 600; font-size: 15px; padding-bottom: .3rem; }
th, td { text-align: left; vertical-align: top; padding: .15rem .6rem .15rem 0; border-top: 1px solid #edf0f3; }
th { font-weight: 400; color: #6a7884; white-space: nowrap; }
td { overflow-wrap: anywhere; }
"""
