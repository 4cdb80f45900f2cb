import type { Check } from '../finding.ts';
import { copies } from './copies.ts';
import { nodeVersion } from './node-version.ts';
import type { Project } from './project.ts';
import { unboundLibraries } from './unbound-libraries.ts';

/** What is looked at in the folder of the program. */
export const projectChecks: readonly Check<Project>[] = [nodeVersion, copies, unboundLibraries];
