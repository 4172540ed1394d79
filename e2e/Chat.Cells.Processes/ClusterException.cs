namespace Chat.Cells.Processes;

/// <summary>A cluster can't be started, or is not as it has to be; the message is for people.</summary>
public sealed class ClusterException(string message, Exception? inner = null) : Exception(message, inner);
