/** A median and its spread. */
export function show(value: number, [low, high]: readonly [number, number]): string {
  return `${value.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
}
