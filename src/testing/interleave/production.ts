import { namesProduction } from '../production-names.ts';
import { InterleaveSetupError } from './errors.ts';

/** @throws InterleaveSetupError for what is named as a database of production: setups empty tables */
export function refuseProduction(targets: readonly string[]): void {
  const target = targets.find(namesProduction);
  const isByEnvironment = process.env['NODE_ENV'] === 'production';
  if (target === undefined && !isByEnvironment) return;
  throw new InterleaveSetupError({
    what: isByEnvironment
      ? 'interleave was called with NODE_ENV=production, and what actors commit stays'
      : `interleave was called for ${target}, which looks like a database of production, and what actors commit stays`,
    remedy: 'Give it a database for tests, or say allowProduction: true',
  });
}
