using System.Text.Json;

namespace Chat.Cells.Cell.Records;

/// <summary>How ids are written into JSON.</summary>
internal static class JsonIds
{
    /// <summary>Writes an id's 26 characters as a member's value, without a string of its own.</summary>
    public static void WriteId(this Utf8JsonWriter json, ReadOnlySpan<byte> name, Ulid id)
    {
        Span<char> text = stackalloc char[26];
        id.TryFormat(text, out _, default, null);
        json.WriteString(name, text);
    }
}
