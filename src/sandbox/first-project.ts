// The project of the sandbox that is there from the start, by the id of the API's published examples.

export const FIRST_PROJECT = '69681d39c9e8cfd375386316';
