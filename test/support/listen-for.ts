import type { AddressInfo, Server } from 'node:net';

/** Has a server listen on a free port of this machine. @returns a URL with its address in place of that of the URL given */
export async function listenFor(url: string, server: Server): Promise<URL> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = new URL(url);
  own.hostname = '127.0.0.1';
  own.port = String((server.address() as AddressInfo).port);
  return own;
}
