const counts = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** Text of a database, on one line and cut. */
export function cut(text: string, most = 160): string {
  // The end of what is long is not read.
  const line = text
    .slice(0, most * 2)
    .replaceAll(/\s+/g, ' ')
    .trim();
  return line.length > most ? `${line.slice(0, most)}…` : text.length > most * 2 ? `${line}…` : line;
}

/** Milliseconds as a person says them. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

export function count(number: number): string {
  return counts.format(number);
}

/** `1 job`, `3 jobs`. */
export function plural(number: number, one: string, several = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : several}`;
}

/** A moment of today, in milliseconds since 1970. */
export function moment(at: number): string {
  return clock.format(at);
}
