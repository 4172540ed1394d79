namespace Chat.Cells.Bench;

/// <summary>The run can't go on: the machine or the bench is at fault, or the server didn't come up. The message says what to do.</summary>
public sealed class BenchException(string message, Exception? inner = null) : Exception(message, inner);
