using System.Text.Json;

namespace Chat.Cells.Bridge;

/// <summary>What a cell says of why it refused, for the log: the other cell wrote it, so that only a short, plain text of it is taken.</summary>
public static class AnswerDetail
{
    private const int MostBytes = 4_096;
    private const int MostCharacters = 300;

    /// <summary>Begins with a colon; empty where nothing is said.</summary>
    public static async Task<string> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            var bytes = new byte[MostBytes];
            var count = await stream.ReadAtLeastAsync(bytes, MostBytes, throwOnEndOfStream: false, cancellationToken);
            return Of(bytes.AsMemory(0, count));
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            // It was going to be an error anyway.
            return "";
        }
    }

    /// <summary>The <c>detail</c> of a JSON answer.</summary>
    public static string Of(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("detail", out var detail)) return "";
            if (detail.ValueKind != JsonValueKind.String || detail.GetString() is not { Length: > 0 } text) return "";
            var plain = string.Concat(text.Take(MostCharacters).Select(c => char.IsControl(c) ? ' ' : c));
            return text.Length > MostCharacters ? $": {plain}…" : $": {plain}";
        }
        catch (JsonException)
        {
            // Cut off, or something else than a cell's answer.
            return "";
        }
    }
}
