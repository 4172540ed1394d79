namespace Chat.Cells.Chaos.Steps;

/// <summary>Which side of an effect.</summary>
public enum Side
{
    /// <summary>It has not been asked for yet.</summary>
    Before,

    /// <summary>It has happened, and its caller doesn't know.</summary>
    After,
}

/// <summary>One place in a server's work where a fault can strike: just before or just after something that outlives the server.</summary>
/// <param name="Role"><c>gateway</c>, or the consumer group whose record is being worked on: <c>fanout</c>, <c>delivery</c>, <c>bridge-in</c>.</param>
/// <param name="Effect">What is done: <c>append:chat.inbox</c>, <c>row:message</c>, <c>publish:verdict</c>, <c>commit</c>.</param>
public readonly record struct Step(string Role, string Effect, Side Side)
{
    /// <summary><c>fanout/append:chat.inbox/before</c>.</summary>
    public override string ToString() => $"{Role}/{Effect}/{(Side == Side.Before ? "before" : "after")}";

    /// <exception cref="FormatException">Not as <see cref="ToString"/> writes it.</exception>
    public static Step Parse(string text)
    {
        var parts = text.Split('/');
        return parts is [{ Length: > 0 } role, { Length: > 0 } effect, "before" or "after"]
            ? new Step(role, effect, parts[2] == "before" ? Side.Before : Side.After)
            : throw new FormatException($"'{text}' is not a step: role/effect/before or role/effect/after.");
    }
}
