import { SluiceError } from '../../core/index.ts';

/** A message broker cannot be reached, or does not let this program in. It is tried again; nothing is lost. */
export class BrokerUnreachableError extends SluiceError {
  protected static override readonly isRetryable = true;
  static override readonly code = 'BROKER_UNREACHABLE';
  override readonly code = 'BROKER_UNREACHABLE';
}

/**
 * What is thrown where a server cannot be used, with its address and no password. For adapters.
 * @param servers URLs, or hosts with or without a port
 */
export function unreachable(
  kind: string,
  servers: readonly string[],
  defaultPort: number,
  { cause, hint }: { readonly cause: unknown; readonly hint: string },
): BrokerUnreachableError {
  const places = servers.map((server) => addressOf(server, defaultPort)).join(', ');
  return new BrokerUnreachableError({
    what: `${kind} cannot be reached at ${places}`,
    remedy: `Check that ${hint}, and that the option "connection" names it. It is tried again until it can be reached`,
    cause,
  });
}

/** Host and port alone. */
function addressOf(server: string, defaultPort: number): string {
  const text = server.includes('://') ? server : `any://${server}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '') return 'an address that cannot be read';
  return `${url.hostname}:${url.port === '' ? defaultPort : url.port}`;
}
