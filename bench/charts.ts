// Pictures of figures.

/** Bars of one workload, longest first. */
export interface BarGroup {
  readonly title: string;
  readonly bars: readonly { readonly name: string; readonly value: number; readonly ours: boolean }[];
}

/** @param scale the length of 1 */
export function barChart(groups: readonly BarGroup[], scale: number): string {
  const [barHeight, left] = [18, 190];
  let y = 30;
  const parts: string[] = [];
  for (const { title, bars } of groups) {
    parts.push(text(10, y, title, 'bold'));
    y += 10;
    for (const { name, value, ours } of bars.toSorted((one, other) => other.value - one.value)) {
      parts.push(text(left - 8, y + 13, name, 'normal', 'end'));
      parts.push(
        `<rect x="${left}" y="${y}" width="${value * scale}" height="${barHeight - 4}" fill="${ours ? '#2563eb' : '#94a3b8'}"/>`,
      );
      parts.push(text(left + value * scale + 6, y + 12, value.toFixed(2)));
      y += barHeight;
    }
    parts.push(
      `<line x1="${left + scale}" y1="${y - bars.length * barHeight}" x2="${left + scale}" y2="${y}" stroke="#334155" stroke-dasharray="3 3"/>`,
    );
    y += 30;
  }
  return svg(720, y, parts);
}

export function text(x: number, y: number, content: string, weight = 'normal', anchor = 'start'): string {
  return `<text x="${x}" y="${y}" font-weight="${weight}" text-anchor="${anchor}">${content}</text>`;
}

export function svg(width: number, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
