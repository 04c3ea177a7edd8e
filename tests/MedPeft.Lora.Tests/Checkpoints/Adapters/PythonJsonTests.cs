using System.Text.Json.Nodes;
using MedPeft.Lora.Checkpoints.Adapters;

namespace MedPeft.Lora.Tests.Checkpoints.Adapters;

public class PythonJsonTests
{
    [Fact]
    public void Text_is_that_of_json_dumps_with_indent_2_and_sorted_keys()
    {
        var value = new JsonObject
        {
            ["b"] = new JsonArray(1, "x", null, true), ["a"] = new JsonObject(), ["Z"] = new JsonArray(), ["c"] = new JsonObject { ["inner"] = false }, ["é"] = "tab\t\"quote\" \\ α \u007f",
        };
        Assert.Equal("""
            {
              "Z": [],
              "a": {},
              "b": [
                1,
                "x",
                null,
                true
              ],
              "c": {
                "inner": false
              },
              "\u00e9": "tab\t\"quote\" \\ \u03b1 \u007f"
            }
            """.ReplaceLineEndings("\n"), PythonJson.Dumps(value));
    }

    [Theory]
    [InlineData(0, "0.0")]
    [InlineData(0.1, "0.1")]
    [InlineData(32, "32.0")]
    [InlineData(-2.5, "-2.5")]
    [InlineData(0.00123, "0.00123")]
    [InlineData(100, "100.0")]
    [InlineData(1e-4, "0.0001")]
    [InlineData(1e-5, "1e-05")]
    [InlineData(1.5e-7, "1.5e-07")]
    [InlineData(123456789.125, "123456789.125")]
    [InlineData(1e15, "1000000000000000.0")]
    [InlineData(1234567890123456.8, "1234567890123456.8")]
    [InlineData(1e16, "1e+16")]
    [InlineData(1.7976931348623157e308, "1.7976931348623157e+308")]
    [InlineData(45.254833995939045, "45.254833995939045")]
    public void A_float_is_written_as_Python_does(double value, string text) => Assert.Equal(text, PythonJson.Dumps(PythonJson.Float(value)));

    [Theory]
    [InlineData(64, "64")]
    [InlineData(45.25, "45.25")]
    public void A_number_is_an_integer_where_it_is_one(double value, string text) => Assert.Equal(text, PythonJson.Dumps(PythonJson.Number(value)));
}
