/** How much of a payload is shown, in characters. */
const longest = 10_000;

/** A payload as JSON, cut where it is too long; nothing of one that is not there. */
export function payloadText(payload: unknown): { readonly payload?: string } {
  const text = payload === undefined ? undefined : JSON.stringify(payload);
  if (text === undefined) return {};
  return { payload: text.length > longest ? `${text.slice(0, longest)}…` : text };
}
