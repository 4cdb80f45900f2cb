/** How many columns a text may have: those of the terminal, and 80 at most. */
export function columns(): number {
  const { columns: given } = process.stdout as { readonly columns?: number };
  return Math.max(40, Math.min(80, given ?? 80));
}

/** How lines are broken. */
export interface Wrapping {
  /** How many spaces each line but the first begins with. Default 0. */
  readonly indent?: number;
  /** What the first line begins with. Default: as many spaces. */
  readonly first?: string;
  /** Default: those of the terminal. */
  readonly width?: number;
}

/** Breaks a text into lines at its spaces. A word that is too long has a line of its own. */
export function wrapped(text: string, { indent = 0, first, width = columns() }: Wrapping = {}): string {
  const margin = ' '.repeat(indent);
  const lines: string[] = [];
  let line = first ?? margin;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = margin;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line].join('\n');
}

/** `1 error`, `2 errors`. */
export function counted(count: number, thing: string, things: string = `${thing}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? thing : things}`;
}

/** A span of time for people: `350 ms`, `12 s`, `3 min`, `5 h`, `2 days`. */
export function duration(milliseconds: number): string {
  const steps = [
    [1_000, 1, 'ms'],
    [120_000, 1_000, 's'],
    [7_200_000, 60_000, 'min'],
    [172_800_000, 3_600_000, 'h'],
  ] as const;
  const [, unit, name] = steps.find(([below]) => milliseconds < below) ?? [0, 86_400_000, 'days'];
  return `${Math.round(milliseconds / unit)} ${name}`;
}

/** Takes out what a terminal would obey or that would break the layout; text of a server or of a file is not ours. */
export function harmless(text: string): string {
  // oxlint-disable-next-line no-control-regex -- that is what is taken out
  return text.replaceAll(/[\u0000-\u001F\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2066-\u2069]+/g, ' ').trim();
}
