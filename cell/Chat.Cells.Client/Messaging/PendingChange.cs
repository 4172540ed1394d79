namespace Chat.Cells.Client.Messaging;

/// <summary>What became of an edit or a deletion.</summary>
/// <param name="EventId">The change's id; null when refused, or when the server did not say.</param>
/// <param name="ErrorCode">See <see cref="Protocol.ErrorCodes"/>; null when accepted.</param>
public sealed record ChangeOutcome(string RequestId, string MessageId, string? EventId, string? ErrorCode, string? ErrorMessage)
{
    public bool IsAccepted => ErrorCode is null;
}

/// <summary>An edit or a deletion that is on its way: it is sent again, always with the same <see cref="RequestId"/>, until the server accepts or refuses it.</summary>
public sealed class PendingChange
{
    private readonly TaskCompletionSource<ChangeOutcome> outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal PendingChange(string requestId, string channelId, string messageId, string? content)
    {
        RequestId = requestId;
        ChannelId = channelId;
        MessageId = messageId;
        Content = content;
    }

    public string RequestId { get; }

    public string ChannelId { get; }

    /// <summary>The message that it changes.</summary>
    public string MessageId { get; }

    /// <summary>The new text; null: the message is deleted.</summary>
    public string? Content { get; }

    /// <summary>Completes when the outcome is known; cancelled when the client is disposed of first.</summary>
    public Task<ChangeOutcome> Outcome => outcome.Task;

    internal void Complete(ChangeOutcome result) => outcome.TrySetResult(result);

    internal void Cancel() => outcome.TrySetCanceled();
}
