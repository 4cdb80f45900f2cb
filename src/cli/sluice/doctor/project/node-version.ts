import { oldestNode } from '../../../../core/index.ts';
import type { Check } from '../finding.ts';
import type { Project } from './project.ts';

/** From this one on AsyncLocalStorage costs next to nothing. */
const fast = 24;

/** The Node.js that runs this, which is most likely that of the program. */
export const nodeVersion: Check<Project> = {
  name: 'Node.js',
  look({ node }) {
    const [major = 0, minor = 0] = node.split('.').map(Number);
    const [oldestMajor, oldestMinor] = oldestNode;
    if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
      return [
        {
          code: 'NODE_TOO_OLD',
          severity: 'error',
          what: `Node.js ${node} lacks what Sluice uses`,
          remedy: `Use Node.js ${oldestNode.join('.')} or later`,
        },
      ];
    }
    if (major >= fast) return [];
    return [
      {
        code: 'NODE_SLOWER',
        severity: 'note',
        what: `In Node.js ${node} each await costs more while a transaction is open (AsyncLocalStorage stands on hooks there)`,
        remedy: `Use Node.js ${fast} or later`,
      },
    ];
  },
};
