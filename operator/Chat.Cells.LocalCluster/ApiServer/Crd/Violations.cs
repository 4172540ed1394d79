namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>What validation found, in the words of the real server's field errors.</summary>
public sealed class Violations
{
    private readonly List<Cause> _causes = [];

    /// <summary>The violations so far.</summary>
    public IReadOnlyList<Cause> Causes => _causes;

    /// <summary>A required field is missing.</summary>
    public void Required(string field, string detail = "") =>
        Add("FieldValueRequired", field, detail.Length == 0 ? "Required value" : $"Required value: {detail}");

    /// <summary>A value breaks a rule.</summary>
    public void Invalid(string field, JsonNode? value, string detail, string reason = "FieldValueInvalid") =>
        Add(reason, field, $"Invalid value: {Show(value)}: {detail}");

    /// <summary>A value has the wrong type.</summary>
    public void Type(string field, JsonNode? value, string expected) =>
        Add("FieldValueTypeInvalid", field, $"Invalid value: \"{TypeName(value)}\": {field} in body must be of type {expected}: \"{TypeName(value)}\"");

    /// <summary>A value is none of an enumeration.</summary>
    public void NotSupported(string field, JsonNode? value, IEnumerable<JsonNode?> supported) =>
        Add("FieldValueNotSupported", field, $"Unsupported value: {Show(value)}: supported values: {string.Join(", ", supported.Select(s => $"\"{JsonText.Scalar(s)}\""))}");

    /// <summary>The same value or key twice.</summary>
    public void Duplicate(string field, JsonNode? value) => Add("FieldValueDuplicate", field, $"Duplicate value: {Show(value)}");

    /// <summary>A value may not be set, or not changed.</summary>
    public void Forbidden(string field, string detail) => Add("FieldValueForbidden", field, $"Forbidden: {detail}");

    /// <summary>A list, string or map that is too big.</summary>
    public void TooMany(string field, int actual, long max) => Add("FieldValueTooMany", field, $"Too many: {actual}: must have at most {max} items");

    /// <summary>A string that is too long.</summary>
    public void TooLong(string field, long max) => Add("FieldValueTooLong", field, $"Too long: may not be more than {max} bytes");

    /// <summary>Adds a violation as it is.</summary>
    public void Add(string reason, string field, string message) => _causes.Add(new Cause(reason, field, message));

    /// <summary>Throws 422 when there is any violation.</summary>
    public void ThrowIfAny(string group, string kind, string name)
    {
        if (_causes.Count > 0)
        {
            throw ApiException.Invalid(group, kind, name, _causes);
        }
    }

    internal static string TypeName(JsonNode? value) => value switch
    {
        null => "null",
        JsonObject => "object",
        JsonArray => "array",
        JsonValue v when v.TryGetValue<string>(out _) => "string",
        JsonValue v when v.TryGetValue<bool>(out _) => "boolean",
        JsonValue v when v.AsLong() is not null => "integer",
        _ => "number",
    };

    private static string Show(JsonNode? value) => value switch
    {
        JsonValue v when v.TryGetValue<string>(out var s) => JsonText.Print(JsonValue.Create(s)),
        _ => JsonText.Print(value),
    };
}
