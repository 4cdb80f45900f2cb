import { readFileSync } from 'node:fs';

/** In how many seconds of silence the kernel asks the peer of a socket for a sign of life, as Linux tells it. */
export function silenceOf(port: number): number | undefined {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  // Ports are used again, to other peers and by connections that have ended: those have no timer of this kind.
  const timers = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .filter((each) => each.slice(0, 24).includes(local))
    .flatMap((each) => / 02:([\dA-F]{8}) /.exec(each)?.[1] ?? []);
  const [timer] = timers;
  return timer === undefined ? undefined : Number.parseInt(timer, 16) / 100;
}
