using System.Text;

namespace Chat.Cells.Cell.Records;

/// <summary>
/// One string for each id that comes again and again (users, devices, channels, servers): decoding a record makes none when another record named the same just before. Those strings
/// are kept for seconds in caches, and young objects that live on are what makes a garbage collection long. A table of fixed size; where two ids want one place the later one
/// has it, which costs a string and nothing else. Any thread may use it.
/// </summary>
internal static class KnownTexts
{
    private const int Places = 16_384;
    private const int MaxLength = 96;
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private static readonly string?[] Known = new string?[Places];

    /// <summary>The text of UTF-8 bytes.</summary>
    /// <exception cref="DecoderFallbackException">They are not UTF-8.</exception>
    public static string Get(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty) return "";
        if (utf8.Length > MaxLength) return StrictUtf8.GetString(utf8);
        Span<char> characters = stackalloc char[MaxLength];
        ReadOnlySpan<char> text = characters[..StrictUtf8.GetChars(utf8, characters)];
        ref var place = ref Known[(uint)string.GetHashCode(text, StringComparison.Ordinal) % Places];
        // Read once: another thread may put another text there.
        if (Volatile.Read(ref place) is { } known && text.SequenceEqual(known)) return known;
        var made = text.ToString();
        Volatile.Write(ref place, made);
        return made;
    }
}
