// The names of the calls that the sandbox answers, as faults and records use them. Paths are in routes.ts.

export const OPERATIONS = [
  'token',
  'revoke',
  'credential',
  'list_projects',
  'list_orgs',
  'list_org_projects',
  'get_project',
  'get_project_by_name',
  'get_org',
  'list_keys',
  'create_key',
  'get_key',
  'update_key',
  'delete_key',
  'list_org_keys',
  'get_org_key',
  'list_rate_limits',
  'list_org_rate_limits',
  'get_rate_limit',
  'get_org_rate_limit',
  'update_rate_limit',
  'reset_rate_limit',
  'reset_rate_limits',
] as const;

export type Operation = (typeof OPERATIONS)[number];
