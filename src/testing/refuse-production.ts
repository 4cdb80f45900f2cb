import type { ErrorDetails } from '../core/index.ts';
import { namesProduction } from './production-names.ts';

/** @throws the error of the caller for what is named as a database of production: setups empty tables */
export function refuseProduction(
  targets: readonly string[],
  {
    name,
    who,
    error,
  }: { readonly name: string; readonly who: string; readonly error: (details: ErrorDetails) => Error },
): void {
  const target = targets.find(namesProduction);
  const isByEnvironment = process.env['NODE_ENV'] === 'production';
  if (target === undefined && !isByEnvironment) return;
  throw error({
    what: isByEnvironment
      ? `${name} was called with NODE_ENV=production, and what ${who} stays`
      : `${name} was called for ${target}, which looks like a database of production, and what ${who} stays`,
    remedy: 'Give it a database for tests, or say allowProduction: true',
  });
}
