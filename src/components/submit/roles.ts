/** Which kind of job a notebook becomes. */
export type Framework = 'tensorflow' | 'pytorch' | 'none';

/** The frameworks, as the spec names them. */
export const FRAMEWORKS: readonly Framework[] = ['tensorflow', 'pytorch', 'none'];

/** The roles that can be asked for, in the order of manifests. `Master` of a TFJob is an old name of its Chief. */
export const ROLES: Readonly<Record<Framework, readonly string[]>> = {
  tensorflow: ['Chief', 'Worker', 'PS', 'Evaluator'],
  pytorch: ['Master', 'Worker'],
  none: ['Worker']
};

/** The roles of which there is one at most. */
export const SINGLE: readonly string[] = ['Chief', 'Master'];

/** Restart policies by framework, the default first. */
export const RESTART_POLICIES: Readonly<Record<Framework, readonly string[]>> = {
  tensorflow: ['Never', 'OnFailure', 'Always', 'ExitCode'],
  pytorch: ['OnFailure', 'Never', 'Always', 'ExitCode'],
  none: ['Never', 'OnFailure']
};

/** Distribution strategies of TensorFlow, as the spec names them. */
export const STRATEGIES: readonly string[] = [
  'mirrored',
  'multi_worker_mirrored',
  'parameter_server',
  'central_storage',
  'none'
];

/** What becomes of pods when the job ends; the default first. */
export const CLEAN_POD_POLICIES: readonly string[] = ['Running', 'All', 'None'];

/** Return how many replicas of a role there are where nobody says a number. */
export function defaultCount(framework: Framework, role: string): number {
  return role === (framework === 'pytorch' ? 'Master' : 'Worker') ? 1 : 0;
}

/** Return a word as a framework, null where it is none. */
export function asFramework(word: unknown): Framework | null {
  return FRAMEWORKS.find(framework => framework === word) ?? null;
}
