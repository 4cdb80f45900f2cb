import { describeDisconnects } from '../support/disconnect-suite.ts';

describeDisconnects();
