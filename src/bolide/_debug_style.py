"""What the debug page looks like, in light and in dark."""

from typing import Final

__all__ = ["STYLE"]

STYLE: Final = """
:root {
  color-scheme: light dark;
  --back: light-dark(#fbfaf9, #16181c);
  --card: light-dark(#fff, #1d2026);
  --text: light-dark(#1c1e21, #e4e6ea);
  --quiet: light-dark(#6b6f76, #9aa0a9);
  --line: light-dark(#e3e1de, #31353d);
  --accent: light-dark(#b4531f, #f0955f);
  --mark: light-dark(#fdebe0, #4a2a1a);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 68rem; padding: 2rem 1rem;
  background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif;
}
h1 {
  margin: 0; color: var(--accent); font-size: .85rem; font-weight: 600;
  letter-spacing: .04em; text-transform: uppercase;
}
h2 {
  margin: .25rem 0 .5rem; font-size: 1.5rem; line-height: 1.3;
  max-height: 40vh; overflow: auto; overflow-wrap: anywhere; white-space: pre-wrap;
}
h3 { margin: 2rem 0 .5rem; font-size: 1rem; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; white-space: pre-wrap; }
.quiet, footer, caption { color: var(--quiet); }
header .quiet { font: 14px/1.5 ui-monospace, monospace; }
section > p:not(.quiet) { font-weight: 600; }
details {
  margin: .5rem 0; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); overflow: hidden;
}
summary { padding: .5rem .75rem; cursor: pointer; overflow-wrap: anywhere; color: var(--quiet); }
summary code, summary b { color: var(--text); font-weight: 600; }
pre, textarea, th, td { font: 13px/1.6 ui-monospace, monospace; }
pre { margin: 0; padding: .5rem 0; border-top: 1px solid var(--line); overflow-x: auto; }
.line { display: block; min-width: max-content; padding: 0 .75rem; }
.line.error { background: var(--mark); box-shadow: inset 3px 0 var(--accent); }
.number {
  display: inline-block; width: 4ch; margin-right: 2ch;
  color: var(--quiet); text-align: right; user-select: none;
}
table { width: 100%; border-collapse: collapse; border-top: 1px solid var(--line); }
section > table { margin-bottom: 1rem; border: 1px solid var(--line); background: var(--card); }
caption { padding: .4rem .75rem; font-size: .8rem; text-align: left; }
th, td { padding: .15rem .75rem; text-align: left; vertical-align: top; }
th { width: 14rem; color: var(--quiet); overflow-wrap: anywhere; }
td { overflow-wrap: anywhere; white-space: pre-wrap; }
textarea {
  width: 100%; padding: .75rem; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); color: inherit; resize: vertical; white-space: pre;
}
footer { margin-top: 1.5rem; font-size: .85rem; }
"""
