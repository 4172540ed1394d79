namespace Chat.Cells.Load;

/// <summary>The run can't go on; the message is for people.</summary>
public sealed class LoadException(string message, Exception? inner = null) : Exception(message, inner);
