using System.Collections.Concurrent;

namespace Chat.Cells.Cell.Presence;

/// <summary>The kinds of a user's connected devices, those that are online and those that are away; each sorted, each kind once. Immutable.</summary>
public sealed class DeviceKinds : IEquatable<DeviceKinds>
{
    /// <summary>The longest kind, in characters.</summary>
    public const int MaxKindLength = 16;

    /// <summary>What a kind becomes that isn't one.</summary>
    public const string Other = "other";

    public static readonly DeviceKinds None = new([], []);

    private const int MaxCached = 256;

    // Nearly all users have one device, of one of a few kinds.
    private static readonly ConcurrentDictionary<(string Kind, bool IsAway), DeviceKinds> Single = new();

    private readonly string text;

    private DeviceKinds(IReadOnlyList<string> online, IReadOnlyList<string> away)
    {
        Online = online;
        Away = away;
        text = online.Count + away.Count == 0 ? "" : $"{string.Join(',', online)}|{string.Join(',', away)}";
    }

    public IReadOnlyList<string> Online { get; }

    public IReadOnlyList<string> Away { get; }

    public bool IsNone => text.Length == 0;

    /// <summary>A kind as a client may name it, in lower case: letters, digits, dashes and underscores; anything else is <see cref="Other"/>.</summary>
    public static string Normalize(string? kind)
    {
        if (kind is null || kind.Length is 0 or > MaxKindLength) return Other;
        var isLower = true;
        foreach (var c in kind)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')) return Other;
            isLower &= !char.IsAsciiLetterUpper(c);
        }
        return isLower ? kind : kind.ToLowerInvariant();
    }

    /// <summary>Of one device.</summary>
    /// <param name="kind">As <see cref="Normalize"/> gives it.</param>
    /// <param name="isAway">Nobody looks at it.</param>
    public static DeviceKinds Of(string kind, bool isAway)
    {
        if (Single.TryGetValue((kind, isAway), out var known)) return known;
        var made = isAway ? new DeviceKinds([], [kind]) : new DeviceKinds([kind], []);
        // Clients name the kinds: what there is room for is kept, the rest is made anew.
        if (Single.Count < MaxCached) Single.TryAdd((kind, isAway), made);
        return made;
    }

    /// <summary>These and those of one more device.</summary>
    public DeviceKinds With(string kind, bool isAway) =>
        IsNone ? Of(kind, isAway)
        : (isAway ? Away : Online).Contains(kind, StringComparer.Ordinal) ? this
        : isAway ? new DeviceKinds(Online, Union(Away, [kind]))
        : new DeviceKinds(Union(Online, [kind]), Away);

    /// <summary>Reads what <see cref="ToString"/> gave; false for anything else.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out DeviceKinds kinds)
    {
        kinds = None;
        if (text.IsEmpty) return true;
        var bar = text.IndexOf('|');
        if (bar < 0) return false;
        if (!TryParseList(text[..bar], out var online) || !TryParseList(text[(bar + 1)..], out var away)) return false;
        kinds = new DeviceKinds(online, away);
        return true;
    }

    /// <summary>The kinds in either list; both sorted.</summary>
    internal static IReadOnlyList<string> Union(IReadOnlyList<string> first, IReadOnlyList<string> second) =>
        second.Count == 0 ? first : first.Count == 0 ? second : [.. first.Union(second, StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary><c>{online}|{away}</c>, kinds separated by commas; empty for none.</summary>
    public override string ToString() => text;

    public bool Equals(DeviceKinds? other) => other is not null && text == other.text;

    public override bool Equals(object? obj) => Equals(obj as DeviceKinds);

    public override int GetHashCode() => text.GetHashCode(StringComparison.Ordinal);

    private static bool TryParseList(ReadOnlySpan<char> text, out IReadOnlyList<string> kinds)
    {
        kinds = [];
        if (text.IsEmpty) return true;
        string[] parts = text.ToString().Split(',');
        foreach (var part in parts)
        {
            if (Normalize(part) != part) return false;
        }
        kinds = parts;
        return true;
    }
}
