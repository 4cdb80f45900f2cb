import type { WriteStream } from 'node:tty';

/** Colours of a terminal. */
export interface Style {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly doubtful: (text: string) => string;
  readonly quiet: (text: string) => string;
  readonly strong: (text: string) => string;
}

/** Without colours where the output is no terminal, or NO_COLOR is set. */
export function styleFor(stream: Pick<WriteStream, 'isTTY'>): Style {
  const { NO_COLOR = '', TERM } = process.env;
  const isColoured = stream.isTTY && NO_COLOR === '' && TERM !== 'dumb';
  const paint = (on: number, off: number): ((text: string) => string) =>
    isColoured ? (text) => `\u001B[${on}m${text}\u001B[${off}m` : (text) => text;
  return {
    good: paint(32, 39),
    bad: paint(31, 39),
    doubtful: paint(33, 39),
    quiet: paint(2, 22),
    strong: paint(1, 22),
  };
}
