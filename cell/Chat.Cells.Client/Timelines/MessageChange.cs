namespace Chat.Cells.Client.Timelines;

/// <summary>An edit or a deletion of a message. Of several the highest event id counts, and a deletion more than any edit, in whatever order they come.</summary>
/// <param name="EventId">The change's id, ordered as text.</param>
/// <param name="Content">Empty for a deletion.</param>
public sealed record MessageChange(string MessageId, string EventId, string ContentType, string Content, bool IsDeleted)
{
    /// <summary>What a message from history was changed by; null when it is as it was sent.</summary>
    public static MessageChange? Of(ChatMessage message) =>
        message.EventId is null ? null : new MessageChange(message.MessageId, message.EventId, message.ContentType, message.Content, message.IsDeleted);

    /// <summary>Whether a message shows this rather than what it shows now.</summary>
    public bool Beats(ChatMessage message) => message.EventId is null || Beats(message.IsDeleted, message.EventId);

    internal bool Beats(MessageChange? other) => other is null || Beats(other.IsDeleted, other.EventId);

    /// <summary>The message with this change, whatever it showed before.</summary>
    public ChatMessage ApplyTo(ChatMessage message) => IsDeleted
        ? message with { Content = "", EventId = EventId, IsEdited = false, IsDeleted = true }
        : message with { ContentType = ContentType, Content = Content, EventId = EventId, IsEdited = true };

    private bool Beats(bool deleted, string eventId) => IsDeleted == deleted ? string.CompareOrdinal(EventId, eventId) > 0 : IsDeleted;
}
