import type { Propagation } from '../../src/index.ts';

/** A program of scopes and statements, run on a real server and on the model. */
export type Plan =
  | { readonly type: 'insert'; readonly id: number }
  /** A statement that the server refuses; its error is swallowed. */
  | { readonly type: 'fail' }
  | {
      readonly type: 'scope';
      readonly id: number;
      readonly propagation: Propagation;
      readonly body: readonly Plan[];
      readonly throws: boolean;
      readonly caught: boolean;
    }
  | { readonly type: 'isolate'; readonly body: readonly Plan[] }
  /** All at once; what they reject with is swallowed. */
  | { readonly type: 'parallel'; readonly body: readonly Plan[] };

/** What is left after a program: committed rows and the hooks that ran, in order of their names. */
export interface Aftermath {
  readonly rows: readonly number[];
  readonly hooks: readonly string[];
}

/** What can be rolled back as one. */
interface Unit {
  readonly parent: Unit | undefined;
  readonly rows: number[];
  readonly commits: string[];
  readonly compensations: string[];
  /** The server takes nothing but a rollback any more. */
  failed: boolean;
  doomed: boolean;
}

/**
 * The rules of propagation in a few lines, without time, connections or a server.
 * @param failuresDoom whether a failed statement leaves its transaction for rollback alone
 */
export function predict(plans: readonly Plan[], failuresDoom: boolean): Aftermath {
  const rows: number[] = [];
  const hooks: string[] = [];
  runAll(plans, undefined);
  return { rows: rows.toSorted((one, other) => one - other), hooks: hooks.toSorted() };

  /** Returns whether it throws. */
  function runAll(body: readonly Plan[], unit: Unit | undefined): boolean {
    return body.some((plan) => runOne(plan, unit));
  }

  function runOne(plan: Plan, unit: Unit | undefined): boolean {
    switch (plan.type) {
      case 'insert':
        if (unit === undefined) rows.push(plan.id);
        else if (isFailed(unit)) unit.doomed = true;
        else unit.rows.push(plan.id);
        return false;
      case 'fail':
        if (unit !== undefined && failuresDoom) unit.failed = unit.doomed = true;
        return false;
      case 'isolate':
        return runAll(plan.body, undefined);
      case 'parallel':
        for (const each of plan.body) runOne(each, unit);
        return false;
      case 'scope':
        return runScope(plan, unit) && !plan.caught;
    }
  }

  function runScope(plan: Plan & { type: 'scope' }, unit: Unit | undefined): boolean {
    const { propagation } = plan;
    if (unit === undefined && propagation === 'MANDATORY') return true;
    if (unit !== undefined && propagation === 'NEVER') return true;
    const begins =
      propagation === 'REQUIRES_NEW' ||
      (unit === undefined && (propagation === 'REQUIRED' || propagation === 'NESTED'));
    if (begins) return runUnit(plan, undefined);
    if (propagation === 'NESTED') return runUnit(plan, unit);
    const joined = propagation === 'NOT_SUPPORTED' ? undefined : unit;
    const thrown = runBody(plan, joined);
    if (thrown && joined !== undefined) joined.doomed = true;
    return thrown;
  }

  function runUnit(plan: Plan & { type: 'scope' }, parent: Unit | undefined): boolean {
    const unit: Unit = { parent, rows: [], commits: [], compensations: [], failed: false, doomed: false };
    if (runBody(plan, unit) || unit.doomed) {
      hooks.push(...unit.compensations);
      return true;
    }
    (parent?.rows ?? rows).push(...unit.rows);
    (parent?.commits ?? hooks).push(...unit.commits);
    parent?.compensations.push(...unit.compensations);
    return false;
  }

  function runBody({ id, body, throws }: Plan & { type: 'scope' }, unit: Unit | undefined): boolean {
    (unit?.commits ?? hooks).push(`commit ${id}`);
    unit?.compensations.push(`compensate ${id}`);
    return runAll(body, unit) || throws;
  }
}

function isFailed(unit: Unit): boolean {
  return unit.failed || (unit.parent !== undefined && isFailed(unit.parent));
}
