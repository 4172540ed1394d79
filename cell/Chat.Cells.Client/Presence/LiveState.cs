namespace Chat.Cells.Client.Presence;

/// <summary>What is live only: presence and typing.</summary>
internal sealed class LiveState(TimeProvider time)
{
    public PresenceBook Presence { get; } = new(time);

    public TypingBoard Typing { get; } = new(time);
}
