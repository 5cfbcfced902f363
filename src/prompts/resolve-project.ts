// The first step of every prompt: from the name of a project to its id. Words only; it looks nothing up.

export const PROJECT = {
  name: 'project',
  description: 'Name of the Atlas project, or its id of 24 hexadecimal digits',
} as const;

export const RESOLVE_PROJECT =
  'Call list_projects with nameContains set to the project. The groupId is that of the project whose name is exactly this; ' +
  'where several have the name, or none does, show the user what there is and ask. A project of 24 hexadecimal digits is the groupId itself.';
