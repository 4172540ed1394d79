namespace Chat.Cells.Bridge;

/// <summary>A token in a file, read again when the file changes. Its value goes into requests and nowhere else.</summary>
public sealed class TokenFile(string path)
{
    private (DateTime ChangedAt, string Value)? known;

    /// <summary>When the file was written; a time in the far past while it is missing.</summary>
    public DateTime ChangedAt => File.GetLastWriteTimeUtc(path);

    /// <exception cref="IOException">The file is missing or can't be read.</exception>
    public string Read()
    {
        var changedAt = ChangedAt;
        if (known is { } current && current.ChangedAt == changedAt) return current.Value;
        var value = File.ReadAllText(path).Trim();
        if (value.Length == 0) throw new IOException($"{path} is empty.");
        known = (changedAt, value);
        return value;
    }
}
