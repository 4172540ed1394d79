namespace Chat.Cells.Topology;

/// <summary>The grammar of cell and region names: an RFC 1123 label of at most 40 characters.</summary>
public static class Names
{
    /// <summary>The longest cell or region name.</summary>
    public const int MaxLength = 40;

    /// <summary>Whether the text is a cell or region name: a-z, 0-9 and inner dashes.</summary>
    public static bool IsLabel(ReadOnlySpan<char> text)
    {
        if (text.Length is 0 or > MaxLength || text[0] == '-' || text[^1] == '-') return false;
        foreach (var c in text)
        {
            if (c is not ((>= 'a' and <= 'z') or (>= '0' and <= '9') or '-')) return false;
        }
        return true;
    }
}

/// <summary>User ids: <c>{birth cell}.{ULID}</c>, the ULID in upper case.</summary>
public static class UserId
{
    private const int UlidLength = 26;

    /// <summary>The longest user id.</summary>
    public const int MaxLength = Names.MaxLength + 1 + UlidLength;

    public static string Create(string birthCell, Ulid id) => $"{birthCell}.{id}";

    public static bool IsValid(ReadOnlySpan<char> userId) => TryGetBirthCell(userId, out _);

    /// <summary>The name of the cell where the user was born; false for what is no user id. Allocates nothing.</summary>
    public static bool TryGetBirthCell(ReadOnlySpan<char> userId, out ReadOnlySpan<char> birthCell)
    {
        birthCell = default;
        var dot = userId.Length - UlidLength - 1;
        if (dot < 1 || userId[dot] != '.') return false;
        var id = userId[(dot + 1)..];
        if (!Ulid.TryParse(id, out _) || id.ContainsAnyInRange('a', 'z') || !Names.IsLabel(userId[..dot])) return false;
        birthCell = userId[..dot];
        return true;
    }
}
