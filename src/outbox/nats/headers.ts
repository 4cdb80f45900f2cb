/** What the adapter sends of its own. */
export const headerNames = { id: 'sluice-id', key: 'sluice-key' } as const;

/** The values of headers are ASCII; ids and keys need not be. */
export function inHeader(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Undefined for what is none of ours. */
export function fromHeader(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
