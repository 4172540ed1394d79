namespace Chat.Cells.Client.Messaging;

/// <summary>What became of a send.</summary>
/// <param name="MessageId">The accepted message's id; null when refused.</param>
/// <param name="ErrorCode">See <see cref="Protocol.ErrorCodes"/>; null when accepted.</param>
public sealed record SendOutcome(string RequestId, string? MessageId, string? ErrorCode, string? ErrorMessage)
{
    public bool IsAccepted => MessageId is not null;
}

/// <summary>A send that is on its way: it is sent again, always with the same <see cref="RequestId"/>, until the server accepts or refuses it.</summary>
public sealed class PendingSend
{
    private readonly TaskCompletionSource<SendOutcome> outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal PendingSend(string requestId, string channelId, string content, string contentType, string? replyTo)
    {
        RequestId = requestId;
        ChannelId = channelId;
        Content = content;
        ContentType = contentType;
        ReplyTo = replyTo;
    }

    public string RequestId { get; }

    public string ChannelId { get; }

    public string Content { get; }

    public string ContentType { get; }

    public string? ReplyTo { get; }

    /// <summary>Completes when the outcome is known; cancelled when the client is disposed of first.</summary>
    public Task<SendOutcome> Outcome => outcome.Task;

    internal void Complete(SendOutcome result) => outcome.TrySetResult(result);

    internal void Cancel() => outcome.TrySetCanceled();
}

/// <summary>Too many sends wait for an answer.</summary>
public sealed class OutboxFullException(int capacity) : Exception($"{capacity} sends wait for an answer. Wait for some to be accepted.");
