namespace Chat.Cells.LocalCluster.Up;

/// <summary>Why the cluster cannot be started, and what to do about it, in words for the person at the terminal.</summary>
public sealed class UpException(string message, Exception? inner = null) : Exception(message, inner);
