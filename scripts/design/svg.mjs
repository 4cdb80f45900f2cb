// Drawings that are read on light and on dark pages: the colours follow the reader's scheme.
const style = `
svg { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 12px; }
.page { fill: #ffffff; }
.box { fill: #eef2ff; stroke: #4f5b93; }
.side { fill: #ecfdf5; stroke: #3f7d63; }
.note { fill: #fefce8; stroke: #a08a2c; }
.part { fill: #f1f5f9; stroke: none; }
.line { stroke: #64748b; fill: none; }
.life { stroke: #cbd5e1; fill: none; stroke-dasharray: 4 4; }
.head { fill: #64748b; }
text { fill: #0f172a; }
.small { fill: #475569; font-size: 11px; }
.strong { font-weight: 600; }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; }
.box { fill: #1c2340; stroke: #8b9be0; }
.side { fill: #10291f; stroke: #6fbf9a; }
.note { fill: #2b2710; stroke: #c9b458; }
.part { fill: #161b22; }
.line { stroke: #94a3b8; }
.life { stroke: #3b4656; }
.head { fill: #94a3b8; }
text { fill: #e6edf3; }
.small { fill: #a8b3c2; }
}`;

/** A whole drawing. `title` and `description` are what screen readers say of it. */
export function drawing({ width, height, title, description, parts }) {
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escape(title)}</title>`,
    `<desc id="description">${escape(description)}</desc>`,
    `<style>${style}\n</style>`,
    `<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    ...parts,
    '</svg>',
  ].join('\n')}\n`;
}

export function box(kind, x, y, width, height) {
  return `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${kind === 'part' ? 0 : 4}"/>`;
}

export function line(kind, x1, y1, x2, y2, attributes = '') {
  return `<path class="${kind}" d="M${x1} ${y1}L${x2} ${y2}"${attributes}/>`;
}

/** Lines of text below one another. `y` is the base line of the first. */
export function texts(lines, { x, y, anchor = 'start', kind = '' }) {
  const name = kind === '' ? '' : ` class="${kind}"`;
  return lines.map(
    (text, index) =>
      `<text${name} x="${x}" y="${y + index * lineHeight}" text-anchor="${anchor}">${escape(text)}</text>`,
  );
}

export const lineHeight = 15;
const characterWidth = 6.4;

/** Breaks a text into lines that fit into `width`, as far as its words allow. */
export function wrap(text, width) {
  const longest = Math.max(8, Math.floor(width / characterWidth));
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === '') lines[lines.length - 1] = word;
    else if (`${last} ${word}`.length <= longest) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
