/** Errors that no program should throw and some do: describing them has to tell what it can, and never to throw. */
export const oddErrors: readonly (readonly [what: string, make: () => unknown])[] = [
  ['a number for its name', () => Object.assign(new Error('spoilt'), { name: 5 })],
  ['a symbol for its name', () => Object.assign(new Error('spoilt'), { name: Symbol('name') })],
  ['an object for its message', () => Object.assign(new Error('spoilt'), { message: { a: 1 } })],
  ['a symbol for its message', () => Object.assign(new Error('spoilt'), { message: Symbol('spoilt') })],
  ['a message that has NUL and half a character', () => new Error('spoilt \0 \ud800')],
  ...['name', 'message', 'code', 'stack', 'cause', 'suppressed', 'errors'].map(
    (field) => [`a ${field} whose getter throws`, () => withThrowing(field)] as const,
  ),
  ['its own conversion to text, which throws', () => Object.assign(new Error('spoilt'), { toString: fail })],
  ['nothing that can be changed', () => Object.freeze(new Error('spoilt'))],
  ['no error but an object without a prototype', () => Object.create(null) as unknown],
  ['no error but a symbol', () => Symbol('spoilt')],
  ['no error but a Proxy that was revoked', revoked],
  ['a Proxy around it that throws at everything', () => new Proxy(new Error('spoilt'), throwing)],
];

function fail(): never {
  throw new Error('a getter threw');
}

function withThrowing(field: string): Error {
  return Object.defineProperty(new Error('spoilt'), field, { get: fail });
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const throwing: ProxyHandler<Error> = { get: fail, has: fail, getPrototypeOf: fail, isExtensible: fail };
