using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Chat.Cells.Router.Tests")]
