import type { Finding, Plan } from '../../../types';
import type { IState, IStore } from '../store';

/** A plan for a notebook with two parameters. */
export function plan(changes: Partial<Plan> = {}): Plan {
  return {
    id: 'j1',
    name: 'train-1',
    parameters: {},
    form: [
      { name: 'epochs', type: { kind: 'int' }, default: 3, help: 'how many' },
      { name: 'mood', type: { kind: 'str' }, default: 'good' }
    ],
    program: 'sha256:1',
    requirements: ['numpy==2.1'],
    files: [],
    framework: 'tensorflow',
    spec: {},
    manifest: {},
    yaml: 'kind: TFJob\n',
    findings: [],
    notes: [],
    refused: false,
    ...changes
  };
}

export function finding(changes: Partial<Finding> = {}): Finding {
  return { code: 'x', severity: 'warning', message: 'Something.', hint: '', where: {}, fix: {}, ...changes };
}

/** A store whose tab is the test. */
export class MemoryStore implements IStore {
  constructor(public state: IState | null = null) {}

  read(): IState | null {
    return this.state;
  }

  write(state: IState): void {
    this.state = state;
  }

  clear(): void {
    this.state = null;
  }

  move(): void {}
}
