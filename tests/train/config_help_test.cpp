// The help text and the JSON Schema of a config.
#include "train/config/help.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/train/config_example.h"
#include "train/config/schema.h"

namespace transformlet {
namespace {

TEST(ConfigHelp, NamesEveryKeyAndAlternative) {
  EXPECT_EQ(config_help<ExampleConfig>(),
            R"(seed                       where all random numbers come from (integer; default 42)
label                      what the run is called (string; default run)

task: what to learn
task.name                  decides which other keys there are (one of addition, copy; required)

  task.name=addition: add two numbers
  task.modulus             add modulo this number (integer; at least 2; required)
  task.train_share         share of all pairs to train on (number; greater than 0; less than 1; default 0.5)

  task.name=copy: repeat the input
  task.length              symbols to repeat (integer; at least 1; at most 64; default 8)

optimizer: how parameters are updated
optimizer.name             decides which other keys there are (one of sgd, adam; default adam)

  optimizer.name=sgd: stochastic gradient descent
  optimizer.learning_rate  size of a step (number; greater than 0; default 0.1)

  optimizer.name=adam: Adam (Kingma and Ba 2015)
  optimizer.learning_rate  size of a step (number; greater than 0; default 0.01)
  optimizer.betas          decay of the running averages (list of 2 numbers; at least 0; less than 1; default [0.9, 0.98])

model: the network
model.num_heads            attention heads in a block (integer; at least 1; default 4)
model.d_model              width of the residual stream (integer; multiple of num_heads; default 128)
model.norm_position        where a block normalises (one of pre, post; default pre)
model.dropout              share of activations set to zero (number; at least 0; less than 1; default 0.0)

train: how long to train
train.max_steps            steps of the optimizer (integer; at least 1; required)
train.warmup_steps         steps until the full learning rate (integer; at least 0; default 0)
train.batch_size           samples in a step (integer; at most 4096; multiple of 8; default 64)
train.clip_norm            largest norm of the gradient (number or null; greater than 0; default null)
train.stop_after           steps without progress (integer or null; at least 1; default null)
train.compile              whether to compile first (true or false; default false)
train.milestones           where the learning rate falls (list of numbers; at least 0; at most 1; default [])
train.seeds                one run for each (list of integers; at least 0; default [1, 2])
train.tags                 free words (list of strings; default ["first try"])

guests: who is there (list of maps; default [])
guests[].who               name of the guest (string; required)
guests[].chairs            chairs to bring (integer; at least 1; at most 9; default 1)
)");
}

TEST(ConfigSchema, SaysWhatTheReaderAccepts) {
  const auto schema = nlohmann::json::parse(config_schema<ExampleConfig>("Example"));
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["title"], "Example");
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["required"], nlohmann::json({"task", "train"}));

  const auto& keys = schema["properties"];
  const auto json = [](const char* text) { return nlohmann::json::parse(text); };
  EXPECT_EQ(keys["seed"], json(R"({"type": "integer", "default": 42,
                                   "description": "where all random numbers come from"})"));
  const auto& train = keys["train"]["properties"];
  EXPECT_EQ(keys["train"]["required"], nlohmann::json({"max_steps"}));
  EXPECT_EQ(train["max_steps"], json(R"({"type": "integer", "minimum": 1, "description": "steps of the optimizer"})"));
  EXPECT_EQ(train["batch_size"], json(R"({"type": "integer", "maximum": 4096, "multipleOf": 8, "default": 64,
                                          "description": "samples in a step"})"));
  EXPECT_EQ(train["clip_norm"], json(R"({"type": ["number", "null"], "exclusiveMinimum": 0, "default": null,
                                         "description": "largest norm of the gradient"})"));
  EXPECT_EQ(train["compile"],
            json(R"({"type": "boolean", "default": false, "description": "whether to compile first"})"));
  EXPECT_EQ(train["milestones"],
            json(R"({"type": "array", "default": [], "description": "where the learning rate falls",
                                          "items": {"type": "number", "minimum": 0, "maximum": 1}})"));
  EXPECT_EQ(train["tags"], json(R"({"type": "array", "default": ["first try"], "description": "free words",
                                    "items": {"type": "string"}})"));
  EXPECT_EQ(keys["guests"]["type"], "array");
  EXPECT_EQ(keys["guests"]["items"]["required"], nlohmann::json({"who"}));
  EXPECT_EQ(keys["guests"]["items"]["properties"]["chairs"]["maximum"], 9);
  const auto& model = keys["model"]["properties"];
  EXPECT_EQ(model["norm_position"], json(R"({"type": "string", "enum": ["pre", "post"], "default": "pre",
                                             "description": "where a block normalises"})"));
  EXPECT_FALSE(model["d_model"].contains("multipleOf"));  // it is a multiple of whatever num_heads says

  const auto& optimizers = keys["optimizer"]["oneOf"];
  ASSERT_EQ(optimizers.size(), 2u);
  EXPECT_EQ(optimizers[0]["properties"]["name"], json(R"({"const": "sgd"})"));
  EXPECT_EQ(optimizers[0]["required"], nlohmann::json({"name"}));
  EXPECT_EQ(optimizers[0]["additionalProperties"], false);
  EXPECT_FALSE(optimizers[1].contains("required"));  // adam is the default
  EXPECT_EQ(optimizers[1]["properties"]["betas"],
            json(R"({"type": "array", "minItems": 2, "maxItems": 2, "default": [0.9, 0.98],
                     "items": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
                     "description": "decay of the running averages"})"));
  const auto& tasks = keys["task"]["oneOf"];
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks[0]["required"], nlohmann::json({"name", "modulus"}));
  EXPECT_EQ(tasks[0]["description"], "add two numbers");
}

}  // namespace
}  // namespace transformlet
