import { UsageError } from '../command-line/command.ts';

export type ServerKind = 'postgres' | 'mysql' | 'redis';

/** A server that was named on the command line, or by an environment variable. */
export interface Address {
  readonly kind: ServerKind;
  /** With its password: never to be shown. */
  readonly url: string;
}

const kinds: readonly (readonly [RegExp, ServerKind])[] = [
  [/^(?:postgres|postgresql|socket):/, 'postgres'],
  [/^(?:mysql|mariadb):/, 'mysql'],
  [/^rediss?:/, 'redis'],
];

/** @throws UsageError, without the URL */
export function addressOf(url: string, wanted: readonly ServerKind[] = ['postgres', 'mysql', 'redis']): Address {
  const kind = kinds.find(([pattern]) => pattern.test(url))?.[1];
  const schemes = { postgres: 'postgres://', mysql: 'mysql:// or mariadb://', redis: 'redis:// or rediss://' };
  if (kind === undefined || !wanted.includes(kind)) {
    const expected = wanted.map((each) => schemes[each]).join(', ');
    throw new UsageError(`A URL does not begin with ${expected}`);
  }
  return { kind, url };
}

/** What of a URL must not be shown: its password, as it is written and as it is meant. */
export function secretsOf({ url }: Address): readonly string[] {
  const authority = /^[a-z]+:\/\/([^/?#]*)@/.exec(url)?.[1] ?? '';
  const colon = authority.indexOf(':');
  const written = colon < 0 ? [] : [authority.slice(colon + 1)];
  const parameters = [...url.matchAll(/[?&]password=([^&#]*)/g)].map(([, value = '']) => value);
  const all = [...written, ...parameters].flatMap((secret) => [secret, decoded(secret)]);
  return [...new Set(all)].filter((secret) => secret !== '').sort((one, other) => other.length - one.length);
}

/** Takes secrets out of what a server or a package has said. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((left, secret) => left.replaceAll(secret, '***'), text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
