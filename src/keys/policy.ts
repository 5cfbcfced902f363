// Which projects the operator allows. Asked before anything is sent.

import { refusal, type Failure } from '../failure.ts';

export interface ProjectPolicy {
  /** Absent where every project may be used. */
  readonly allowedProjects?: readonly string[] | undefined;
}

export function isAllowed({ allowedProjects }: ProjectPolicy, groupId: string | undefined): boolean {
  return allowedProjects === undefined || (groupId !== undefined && allowedProjects.includes(groupId));
}

export function refuseProject(policy: ProjectPolicy, groupId: string): Failure | undefined {
  if (isAllowed(policy, groupId)) return undefined;
  return refusal(
    'PROJECT_NOT_ALLOWED',
    'The operator does not allow this project.',
    `Use one of: ${(policy.allowedProjects ?? []).join(', ')}.`,
  );
}
