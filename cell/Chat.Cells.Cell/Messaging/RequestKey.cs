namespace Chat.Cells.Cell.Messaging;

/// <summary>What a repeat is recognised by.</summary>
public readonly record struct RequestKey(string ChannelId, string SenderId, string RequestId);
