/** What a cell of a table shows. All of it is text; media are named by their path beside the table. */
export interface Cell {
  is:
    | "text"
    | "number"
    | "null"
    | "nested"
    | "binary"
    | "unread"
    | "image"
    | "audio"
    | "video"
    | "html"
    | "file";
  text: string;
  /** There is more of the text than is here. */
  isCut?: boolean;
  /** Where the medium is, below the folder of the table. */
  path?: string;
  /** More pictures of the same cell. */
  more?: readonly Cell[];
}

export interface TableColumn {
  name: string;
  /** Of which type its values are, where that is known. */
  type?: string;
}
