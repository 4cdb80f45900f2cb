import { readFileSync } from 'node:fs';

/** In how many seconds of silence the kernel asks the peer of a socket for a sign of life, as Linux tells it. */
export function silenceOf(port: number): number | undefined {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .find((each) => each.slice(0, 24).includes(local));
  const timer = / 02:([\dA-F]{8}) /.exec(line ?? '')?.[1];
  return timer === undefined ? undefined : Number.parseInt(timer, 16) / 100;
}
