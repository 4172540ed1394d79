using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Chat.Cells.Topology;

/// <summary>
/// A handle, <c>name@region</c>, unique in its region and lower-cased. The name is a letter or digit followed by 1 to 30 of letters, digits, dot, underscore, dash.
/// </summary>
/// <param name="Name">Lower-cased.</param>
/// <param name="Region">The region's name.</param>
public sealed record Handle(string Name, string Region)
{
    /// <summary>How many shards the handles of a region have.</summary>
    public const int ShardCount = 256;

    /// <summary>The shard that decides about this handle, 0 to 255.</summary>
    public int Shard => ShardOf(Name);

    /// <summary>
    /// The shard of a name without its region: 32-bit FNV-1a of the lower-cased name's UTF-8 bytes, its four bytes folded into one by exclusive or
    /// (the folding that FNV's authors advise for small ranges; the lowest byte alone mixes badly). Fixed for ever: claims are stored by it.
    /// </summary>
    public static int ShardOf(ReadOnlySpan<char> name)
    {
        var hash = 2166136261u;
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var rune in name.EnumerateRunes())
        {
            var lower = Rune.ToLowerInvariant(rune);
            var length = lower.EncodeToUtf8(utf8);
            foreach (var b in utf8[..length]) hash = unchecked((hash ^ b) * 16777619u);
        }
        return (int)((hash ^ (hash >> 8) ^ (hash >> 16) ^ (hash >> 24)) & 0xFF);
    }

    /// <summary>Reads <c>name@region</c>, in any case.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out Handle? handle)
    {
        handle = null;
        var at = text.IndexOf('@');
        if (at < 0 || !TryNormalizeName(text[..at], out var name)) return false;
        var region = text[(at + 1)..].ToString().ToLowerInvariant();
        if (!Names.IsLabel(region)) return false;
        handle = new Handle(name, region);
        return true;
    }

    /// <summary>Checks and lower-cases a name without its region.</summary>
    public static bool TryNormalizeName(ReadOnlySpan<char> text, [NotNullWhen(true)] out string? name)
    {
        name = null;
        if (text.Length is < 2 or > 31 || !char.IsAsciiLetterOrDigit(text[0])) return false;
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-')) return false;
        }
        name = text.ToString().ToLowerInvariant();
        return true;
    }

    public override string ToString() => $"{Name}@{Region}";
}
